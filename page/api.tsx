import type { JobStatus } from "../shared/domain/job-status.ts";
import type { RunHistory } from "../shared/domain/run-history.ts";
import type { ServedStatus } from "../shared/domain/served-status.ts";
import type { WorkerStatus } from "../shared/domain/worker.ts";

/** User of the session. */
export interface Who {
  readonly name: string;
  readonly role: string;
}

export interface JobDetail {
  readonly status: JobStatus;
  readonly spec: unknown;
  readonly history: RunHistory | null;
}

/** Cells of the shard map, one byte each. A cell of a job that ended with very many shards covers several. */
interface ShardCells {
  readonly cells: Uint8Array;
  readonly shardsPerCell: number;
}

/** Error response of the coordinator. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { "x-shardmill-page": "1", ...init.headers };
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new Refusal(response.status, body?.error?.message ?? `${response.status} ${response.statusText}`);
}

export const api = {
  who: async (): Promise<Who> => (await ask("session")).json(),
  login: async (pass: string): Promise<Who> =>
    (await ask("session", { method: "POST", headers: { authorization: `Bearer ${pass}` } })).json(),
  logout: async (): Promise<void> => void (await ask("session", { method: "DELETE" })),
  job: async (id: string): Promise<JobDetail> => (await ask(`api/jobs/${encodeURIComponent(id)}`)).json(),
  shards: async (id: string): Promise<ShardCells> => {
    const answer = await ask(`api/jobs/${encodeURIComponent(id)}/shards`);
    const shardsPerCell = Number(answer.headers.get("x-shards-per-cell") ?? 1);
    return { shardsPerCell, cells: new Uint8Array(await answer.arrayBuffer()) };
  },
  workers: async (): Promise<readonly WorkerStatus[]> => (await ask("api/workers")).json(),
  /** @param change `cancel`, `pause`, `resume`, or `priority` with its number */
  change: async (id: string, change: string, body: object = {}): Promise<void> =>
    void (await ask(`api/jobs/${encodeURIComponent(id)}/${change}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    })),
  logs: async (after: number): Promise<{ readonly lines: readonly string[]; readonly count: number }> =>
    (await ask(`api/logs?after=${after}`)).json(),
};

interface Listener {
  readonly jobs?: (changed: readonly JobStatus[]) => void;
  /** Called with all triggers. */
  readonly triggers?: (triggers: readonly ServedStatus[]) => void;
  readonly gone?: (ids: readonly string[]) => void;
  /** Called with `[index, cell, ...]`. Null: all cells must be requested. */
  readonly shards?: (changes: readonly number[] | null) => void;
  /** Called when the connection opens or breaks. After a gap, the coordinator sends everything again. */
  readonly live?: (isLive: boolean) => void;
}

const AGAIN_MS = 1_000;

/**
 * Listens until the returned function is called. Opens the source again after an error response, such as that
 * of a coordinator that is starting. A browser would give up then.
 */
export function listen(jobId: string | null, listener: Listener): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(jobId === null ? "api/events" : `api/events?job=${encodeURIComponent(jobId)}`);
    source.onopen = () => listener.live?.(true);
    const on = <T,>(name: string, tell: ((data: T) => void) | undefined) =>
      source?.addEventListener(name, (event) => tell?.(JSON.parse((event as MessageEvent<string>).data)));
    on("jobs", listener.jobs);
    on("triggers", listener.triggers);
    on("removed", listener.gone);
    on("shards", listener.shards);
    source.onerror = () => {
      listener.live?.(false);
      if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
