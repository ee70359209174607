import { brokerRestarts } from "./broker.ts";
import { testFault } from "./in-ci.ts";
import { network } from "./network.ts";

testFault(brokerRestarts);
testFault(network);
