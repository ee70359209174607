import { cdcKills } from "./cdc.ts";
import { testFault } from "./in-ci.ts";

testFault(cdcKills);
