import { flood } from "./flood.ts";
import { testFault } from "./in-ci.ts";
import { soak } from "./soak.ts";

testFault(soak);
testFault(flood);
