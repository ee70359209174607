import { testFault } from "./in-ci.ts";
import { poison } from "./poison.ts";

testFault(poison);
