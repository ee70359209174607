import { testFault } from "./in-ci.ts";
import { kills, killsOverKafka, zombies } from "./kills.ts";

testFault(kills);
testFault(killsOverKafka);
testFault(zombies);
