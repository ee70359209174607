import { consumerKills } from "./consumers.ts";
import { testFault } from "./in-ci.ts";

testFault(consumerKills);
