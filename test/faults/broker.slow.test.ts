import { brokerRestarts } from "./broker.ts";
import { testFault } from "./in-ci.ts";

testFault(brokerRestarts);
