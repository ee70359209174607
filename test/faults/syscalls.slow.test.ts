import { testFault } from "./in-ci.ts";
import { publishOrder } from "./publish-order.ts";
import { smallDisk } from "./small-disk.ts";
import { syscalls } from "./syscalls.ts";

testFault(publishOrder);
testFault(smallDisk);
testFault(syscalls);
