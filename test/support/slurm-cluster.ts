import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** A real Slurm of one node with simulated GPUs, on this machine. Needs `slurm-wlm`, `munge`, and root. */
export interface SlurmCluster extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** Returns the output of a command of Slurm. */
  ask(command: string, ...args: readonly string[]): Promise<string>;
}

const GPUS = 4;
const WAIT_MS = 30_000;

/**
 * Starts a cluster. Jobs of the partition `urgent` preempt those of `batch`, which get `graceSeconds` and are
 * requeued.
 */
export async function startSlurm({ graceSeconds = 30 } = {}): Promise<SlurmCluster> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-slurm-"));
  await Promise.all(["state", "spool"].map((name) => mkdir(join(folder, name))));
  await writeConfiguration(folder, graceSeconds);
  const endMunge = await startMunge();
  const env = { SLURM_CONF: join(folder, "slurm.conf") };
  const daemons = ["slurmctld", "slurmd"].map((name) =>
    spawn(name, ["-D", "-c", "-f", env.SLURM_CONF], { stdio: "ignore", env: { ...process.env, ...env } }),
  );
  const ask: SlurmCluster["ask"] = async (command, ...args) => {
    const { stdout } = await execFileAsync(command, args, { env: { ...process.env, ...env } });
    return stdout.trim();
  };
  const cluster: SlurmCluster = {
    env,
    ask,
    async [Symbol.asyncDispose]() {
      await ask("scancel", "--user=root", "--signal=KILL").catch(() => {});
      await ask("scancel", "--user=root").catch(() => {});
      for (const daemon of daemons) await end(daemon);
      await endMunge();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    for (let waitedMs = 0; ; waitedMs += 200) {
      const states = await ask("sinfo", "--noheader", "--format=%t").catch(() => "");
      if (states !== "" && states.split("\n").every((state) => state === "idle")) return cluster;
      if (waitedMs > WAIT_MS) throw new Error(`Slurm is not ready: ${states || "no answer"}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Writes the configuration, with more cores than exist, so that several jobs run at once on any machine. */
async function writeConfiguration(folder: string, graceSeconds: number): Promise<void> {
  const host = hostname().split(".")[0] ?? "localhost";
  const [controlPort, nodePort] = [await freePort(), await freePort()];
  const lines = [
    "ClusterName=test",
    `SlurmctldHost=${host}(127.0.0.1)`,
    "SlurmUser=root",
    "SlurmdUser=root",
    "AuthType=auth/munge",
    "CredType=cred/munge",
    `SlurmctldPort=${controlPort}`,
    `SlurmdPort=${nodePort}`,
    `SlurmctldPidFile=${folder}/slurmctld.pid`,
    `SlurmdPidFile=${folder}/slurmd.pid`,
    `StateSaveLocation=${folder}/state`,
    `SlurmdSpoolDir=${folder}/spool`,
    `SlurmctldLogFile=${folder}/slurmctld.log`,
    `SlurmdLogFile=${folder}/slurmd.log`,
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "JobAcctGatherType=jobacct_gather/none",
    "JobCompType=jobcomp/filetxt",
    `JobCompLoc=${folder}/jobcomp.txt`,
    "MpiDefault=none",
    "SwitchType=switch/none",
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_Core",
    "SchedulerType=sched/backfill",
    "SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=10000",
    "SlurmdParameters=config_overrides",
    "PreemptType=preempt/partition_prio",
    "PreemptMode=REQUEUE",
    "JobRequeue=1",
    "KillWait=30",
    "ReturnToService=2",
    "GresTypes=gpu",
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:${GPUS} State=UNKNOWN`,
    `PartitionName=batch Nodes=${host} Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=${graceSeconds} State=UP`,
    `PartitionName=urgent Nodes=${host} PriorityTier=10 PreemptMode=OFF State=UP`,
  ];
  await writeFile(join(folder, "slurm.conf"), `${lines.join("\n")}\n`);
  // Slurm refuses plain files, so these are copies of the null device.
  for (let gpu = 0; gpu < GPUS; gpu += 1)
    await execFileAsync("mknod", [join(folder, `gpu${gpu}`), "c", "1", "3"]);
  const gpus = `NodeName=${host} Name=gpu File=${folder}/gpu[0-${GPUS - 1}] Flags=nvidia_gpu_env\n`;
  await writeFile(join(folder, "gres.conf"), gpus);
  await writeFile(join(folder, "cgroup.conf"), "CgroupPlugin=cgroup/v1\n");
}

/**
 * Starts the authentication of Slurm's parts. Uses the machine's own if it runs. Returns a function that
 * stops it.
 */
async function startMunge(): Promise<() => Promise<void>> {
  if (await works()) return async () => {};
  await mkdir("/run/munge", { recursive: true });
  await execFileAsync("chown", ["munge:", "/run/munge"]);
  await chmod("/run/munge", 0o755);
  await execFileAsync("runuser", ["-u", "munge", "--", "/usr/sbin/munged", "--num-threads=2"]);
  if (!(await works())) throw new Error("munge does not start: apt-get install slurm-wlm munge");
  return async () =>
    void (await execFileAsync("runuser", ["-u", "munge", "--", "/usr/sbin/munged", "--stop"]));
}

async function works(): Promise<boolean> {
  return await execFileAsync("munge", ["-n"]).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  const timer = setTimeout(() => daemon.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
