import { testFault } from "./in-ci.ts";
import { manyIds } from "./many-ids.ts";

testFault(manyIds);
