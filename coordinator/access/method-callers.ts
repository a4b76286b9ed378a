import type { Callers } from "../../shared/access/callers.ts";
import { ROLES, type Role } from "../../shared/access/roles.ts";
import { FACES, PORTS } from "./face-methods.ts";

const callersOfFaces = [...FACES, ...PORTS].flatMap(({ methods }) =>
  Object.entries(methods).map(([path, { callers }]): [string, Callers] => [path, callers]),
);

/** Callers of each method that a coordinator serves, by the method's path. Other methods are for `admin`. */
export const METHOD_CALLERS: Readonly<Record<string, Callers>> = {
  ...Object.fromEntries(callersOfFaces),

  // Load balancers and Kubernetes call it and cannot send a secret.
  "/grpc.health.v1.Health/Check": "anyone",
  "/grpc.health.v1.Health/List": "anyone",
  "/grpc.health.v1.Health/Watch": "anyone",

  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "known",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "known",

  "/shardmill.v1.JobsService/SubmitJob": "submit",
  "/shardmill.v1.JobsService/GetJob": "read",
  "/shardmill.v1.JobsService/ListJobs": "read",
  "/shardmill.v1.JobsService/WatchJob": "read",
  "/shardmill.v1.JobsService/CancelJob": "submit",
  "/shardmill.v1.JobsService/PauseJob": "submit",
  "/shardmill.v1.JobsService/ResumeJob": "submit",
  "/shardmill.v1.JobsService/SetJobPriority": "submit",

  "/shardmill.v1.WorkersService/ListWorkers": "read",

  // A client may need the version before any other call.
  "/shardmill.v1.ServerService/GetServerInfo": "known",

  "/shardmill.v1.WorkService/Register": "work",
  "/shardmill.v1.WorkService/DescribeJob": "work",
  "/shardmill.v1.WorkService/ReportDevice": "work",
  "/shardmill.v1.WorkService/RequestLease": "work",
  "/shardmill.v1.WorkService/Heartbeat": "work",
  "/shardmill.v1.WorkService/OfferPartial": "work",
  "/shardmill.v1.WorkService/FailAttempt": "work",
  "/shardmill.v1.WorkService/ReleaseLease": "work",
  "/shardmill.v1.WorkService/Leave": "work",
  "/shardmill.v1.WorkService/Calls": "work",

  "/shardmill.v1.DataService/StatFile": "work",
  "/shardmill.v1.DataService/ReadRange": "work",
  "/shardmill.v1.DataService/PutPartialFile": "work",
};

export function callersOf(path: string): Callers {
  return Object.hasOwn(METHOD_CALLERS, path) ? (METHOD_CALLERS[path] ?? "admin") : "admin";
}

/** Callers whose methods a role may use, besides methods for `known` and `anyone`. */
const INCLUDED: Readonly<Record<Role, readonly Role[]>> = {
  read: ["read"],
  submit: ["read", "submit"],
  work: ["work"],
  admin: ROLES,
};

export function mayCall(role: Role, callers: Callers): boolean {
  return callers === "anyone" || callers === "known" || INCLUDED[role].includes(callers);
}
