import type { World } from "./world.ts";

/** Possible next acts, with the usual ones repeated. */
export const STEPS: readonly ((world: World) => void)[] = [
  (world) => world.join(),
  ...Array.from({ length: 4 }, () => (world: World) => world.request()),
  ...Array.from({ length: 4 }, () => (world: World) => world.finish()),
  (world) => world.sendFailure(),
  (world) => world.sendRelease(),
  (world) => world.sendHeartbeat(),
  ...Array.from({ length: 4 }, () => (world: World) => world.deliver()),
  (world) => world.deliverTwice(),
  (world) => world.loseWorker(),
  (world) => world.wait(),
  ...Array.from({ length: 4 }, () => (world: World) => world.answerVerify()),
  (world) => world.damageFile(),
  (world) => world.answerReduce(),
  (world) => world.answerPublish(),
];
