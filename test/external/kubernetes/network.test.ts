import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { slowJob } from "../../support/interrupted-job.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { IMAGE, KubernetesCluster } from "../../support/kubernetes-cluster.ts";
import { COORDINATOR_ADDRESS, startJob } from "../../support/kubernetes-job.ts";

/** The network policies of deploy/kubernetes, enforced by kube-router. */

let cluster: KubernetesCluster;
beforeAll(async () => {
  cluster = await KubernetesCluster.start("policies");
  await cluster.kubectl("apply", "--filename", join(packageRoot, "deploy/kubernetes/base/namespace.yaml"));
});
afterAll(() => cluster?.[Symbol.asyncDispose](), 600_000);

const OURS = { "app.kubernetes.io/name": "shardmill" };

/** Callers of the test. Only pods with our labels in our namespace belong to the application. */
const CALLERS = {
  submit: { namespace: "shardmill", labels: { ...OURS, "app.kubernetes.io/component": "submit" } },
  neighbour: { namespace: "shardmill", labels: {} },
  stranger: { namespace: "elsewhere", labels: { ...OURS, "app.kubernetes.io/component": "worker" } },
  keda: { namespace: "keda", labels: {} },
  prometheus: { namespace: "monitoring", labels: {} },
} as const;

type Caller = keyof typeof CALLERS;

const RESTRICTED = {
  runAsNonRoot: true,
  runAsUser: 1_000,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** Script of each caller: an unprotected server, so that a caller without any network is detected, too. */
const LISTEN = "require('node:net').createServer((socket) => socket.end()).listen(9000)";
const CONNECT = `
  const socket = require("node:net").connect({ host: process.argv[1], port: Number(process.argv[2]) });
  const say = (what) => { console.log(what); process.exit(); };
  socket.on("connect", () => say("open")).on("error", () => say("closed")).setTimeout(3000, () => say("closed"));
`;

async function startCaller(name: Caller): Promise<void> {
  const { namespace, labels } = CALLERS[name];
  const image = `${IMAGE.newName}:${IMAGE.newTag}`;
  const container = { name: "caller", image, command: ["node", "-e", LISTEN], securityContext: RESTRICTED };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels },
    spec: { automountServiceAccountToken: false, containers: [container] },
  };
  await cluster.applyText(JSON.stringify(pod), "--namespace", namespace);
}

const addressOf = (pod: string, namespace: string) =>
  cluster.kubectl("get", "pod", pod, "--namespace", namespace, "--output=jsonpath={.status.podIP}");

/** Returns `open` when a connection succeeds. */
function reaches(caller: Caller, host: string, port: number): Promise<string> {
  const { namespace } = CALLERS[caller];
  const script = ["node", "-e", CONNECT, host, String(port)];
  return cluster.kubectl("exec", caller, "--namespace", namespace, "--", ...script);
}

type Reached = Record<Caller, { coordinator: string; worker: string; stranger: string }>;

const EXPECTED: Reached = {
  submit: { coordinator: "open", worker: "closed", stranger: "open" },
  neighbour: { coordinator: "closed", worker: "closed", stranger: "open" },
  stranger: { coordinator: "closed", worker: "closed", stranger: "open" },
  keda: { coordinator: "open", worker: "closed", stranger: "open" },
  prometheus: { coordinator: "closed", worker: "open", stranger: "open" },
};

async function allReached(): Promise<Reached> {
  const [worker] = await cluster.pods("worker");
  const workerAddress = await addressOf(`${worker?.name}`, "shardmill");
  const strangerAddress = await addressOf("stranger", "elsewhere");
  const reached: Partial<Reached> = {};
  for (const name of Object.keys(CALLERS) as Caller[])
    reached[name] = {
      coordinator: await reaches(name, COORDINATOR_ADDRESS, 7433),
      worker: await reaches(name, workerAddress, 7436),
      stranger: await reaches(name, strangerAddress, 9_000),
    };
  return reached as Reached;
}

test("only submitters, workers and KEDA reach the coordinator, and only Prometheus reaches the workers", async () => {
  // The job lasts until all callers have tried.
  await using job = await slowJob(400);
  for (const namespace of ["elsewhere", "keda", "monitoring"])
    await cluster.kubectl("create", "namespace", namespace);
  for (const name of Object.keys(CALLERS) as Caller[]) await startCaller(name);
  await startJob(cluster, job, { parallelism: 1, components: ["metrics"] });
  await cluster.until("a worker that has joined", async () =>
    (await cluster.pods("worker")).some(({ ready }) => ready) ? true : null,
  );
  for (const [name, { namespace }] of Object.entries(CALLERS))
    await cluster.kubectl(
      "wait",
      "--for=condition=Ready",
      "--timeout=300s",
      `pod/${name}`,
      "--namespace",
      namespace,
    );

  // Enforcement lags behind changes by seconds.
  const asExpected = async () => {
    const reached = await allReached();
    return JSON.stringify(reached) === JSON.stringify(EXPECTED) ? true : null;
  };
  await cluster.until("the policies", asExpected).catch(async (error: unknown) => {
    expect(await allReached()).toEqual(EXPECTED);
    throw error;
  });
  // The policies stay in force.
  expect(await allReached()).toEqual(EXPECTED);

  // The policies blocked the neighbour: without them it connects.
  await cluster.kubectl("delete", "networkpolicy", "--all");
  await cluster.until("a connection without policies", async () =>
    (await reaches("neighbour", COORDINATOR_ADDRESS, 7433)) === "open" ? true : null,
  );
  await cluster.until("the end of the job", async () =>
    (await cluster.pods("coordinator")).some(({ phase }) => phase === "Succeeded") ? true : null,
  );
  await expectRightAnswer(job);
}, 1_200_000);
