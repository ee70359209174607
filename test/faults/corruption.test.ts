import { corruption } from "./corruption.ts";
import { testFault } from "./in-ci.ts";

testFault(corruption);
