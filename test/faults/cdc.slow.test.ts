import { cdcKills, cdcSlots } from "./cdc.ts";
import { testFault } from "./in-ci.ts";
import { outbox } from "./outbox.ts";

testFault(cdcKills);
testFault(cdcSlots, 1 + Math.floor(Math.random() * 1e6));
testFault(outbox);
