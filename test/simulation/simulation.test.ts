import { testFault } from "../faults/in-ci.ts";
import { simulation } from "./faults.ts";

testFault(simulation);
