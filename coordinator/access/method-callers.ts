/**
 * Who may call a method.
 * - `anyone`: whoever reaches the port. Says nothing of jobs, workers or files.
 * - `members`: who knows the coordinator's secret.
 * - `submitters`: members, while the coordinator takes jobs.
 */
type Callers = "anyone" | "members" | "submitters";

/** Every method that a coordinator serves, by its path. A method that is not here is for members. */
export const METHOD_CALLERS: Readonly<Record<string, Callers>> = {
  // Load balancers and Kubernetes ask it, and can send no secret.
  "/grpc.health.v1.Health/Check": "anyone",
  "/grpc.health.v1.Health/List": "anyone",
  "/grpc.health.v1.Health/Watch": "anyone",

  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "members",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "members",

  "/shardmill.v1.JobsService/SubmitJob": "submitters",
  "/shardmill.v1.JobsService/GetJob": "members",
  "/shardmill.v1.JobsService/ListJobs": "members",
  "/shardmill.v1.JobsService/WatchJob": "members",
  "/shardmill.v1.JobsService/CancelJob": "members",

  "/shardmill.v1.WorkersService/ListWorkers": "members",

  "/shardmill.v1.WorkService/Register": "members",
  "/shardmill.v1.WorkService/DescribeJob": "members",
  "/shardmill.v1.WorkService/ReportDevice": "members",
  "/shardmill.v1.WorkService/RequestLease": "members",
  "/shardmill.v1.WorkService/Heartbeat": "members",
  "/shardmill.v1.WorkService/OfferPartial": "members",
  "/shardmill.v1.WorkService/FailAttempt": "members",
  "/shardmill.v1.WorkService/ReleaseLease": "members",
  "/shardmill.v1.WorkService/Leave": "members",

  "/shardmill.v1.DataService/StatFile": "members",
  "/shardmill.v1.DataService/ReadRange": "members",
  "/shardmill.v1.DataService/PutPartialFile": "members",
};

export function callersOf(path: string): Callers {
  return Object.hasOwn(METHOD_CALLERS, path) ? (METHOD_CALLERS[path] ?? "members") : "members";
}
