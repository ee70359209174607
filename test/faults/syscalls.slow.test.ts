import { testFault } from "./in-ci.ts";
import { publishOrder } from "./publish-order.ts";
import { syscalls } from "./syscalls.ts";

testFault(publishOrder);
testFault(syscalls);
