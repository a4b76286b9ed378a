import { wireRig } from "../support/wire-rig.ts";
import { servicesContract } from "./services-contract.ts";

servicesContract("in process", async (services) => ({ services, [Symbol.asyncDispose]: async () => {} }));
servicesContract("over gRPC", async (services) => {
  const rig = await wireRig(services);
  return { services: rig.client, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
});
