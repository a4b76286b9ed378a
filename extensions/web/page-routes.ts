import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "hono";
import { unpackHistory } from "../../coordinator/insight/packed-history.ts";
import { unpackMap } from "../../coordinator/insight/shard-map.ts";
import type { AuditEvent } from "../../shared/access/audit-event.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { asJobId, type JobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { JobView } from "../../shared/domain/job-view.ts";
import type { RunHistory } from "../../shared/domain/run-history.ts";
import type { CoordinatorView } from "../../shared/extension/coordinator-view.ts";
import type { HttpEnv, HttpRoute } from "../../shared/serving/http-routes.ts";
import { eventStream, type Watched } from "./events.ts";

type PageView = Watched & Pick<CoordinatorView, "service" | "logs">;

/** Files of the page, which have no secrets. */
const FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
} as const;

/**
 * Returns the routes of the page and its API. The role `read` sees everything, and changes need the role
 * `submit`.
 */
export function pageRoutes(view: PageView): readonly HttpRoute[] {
  return [...fileRoutes(), ...jobRoutes(view), ...changeRoutes(view), ...listRoutes(view)];
}

function fileRoutes(): readonly HttpRoute[] {
  return Object.entries(FILES).map(([path, [name, type]]): HttpRoute => {
    const file = join(packageRoot, "dist", "bundle", "page", name);
    return {
      method: "GET",
      path,
      callers: "anyone",
      handle: async () => new Response(await readFile(file), { headers: { "content-type": type } }),
    };
  });
}

function jobRoutes(view: PageView): readonly HttpRoute[] {
  const handleOf = (jobId: JobId) => {
    const handle = view.jobs().findLast((each) => each.jobId === jobId);
    if (handle !== undefined) return handle;
    throw new ShardmillError("JOB_NOT_FOUND", `this coordinator has no job ${jobId}`, { fields: { jobId } });
  };
  const job = (context: { readonly req: { param(name: string): string | undefined } }) =>
    handleOf(asJobId(context.req.param("job") ?? ""));
  return [
    {
      method: "GET",
      path: "/api/jobs/:job",
      callers: "read",
      async handle(context) {
        const handle = job(context);
        const view = handle.view();
        const history = await historyOf(view);
        // The map has a route of its own, as bytes, because few pages show it.
        const shownHistory = history === null ? null : { ...history, map: undefined };
        return Response.json({ status: handle.status(), spec: view.spec, history: shownHistory });
      },
    },
    {
      method: "GET",
      path: "/api/jobs/:job/shards",
      callers: "read",
      async handle(context) {
        const { cells, shardsPerCell } = await mapOf(job(context).view());
        const headers = { "content-type": "application/octet-stream", [PER_CELL]: `${shardsPerCell}` };
        return new Response(Buffer.from(cells), { headers });
      },
    },
  ];
}

/** Header of a map: the number of shards per byte. */
const PER_CELL = "x-shards-per-cell";

async function historyOf(view: JobView): Promise<RunHistory | null> {
  if (view.kind === "live") return view.history();
  const packed = await view.packed();
  return packed === null ? null : unpackHistory(packed);
}

/** Returns the map. An unknown map has no cells. */
async function mapOf(view: JobView): Promise<{ cells: Uint8Array; shardsPerCell: number }> {
  if (view.kind === "live") return { cells: view.cells(), shardsPerCell: 1 };
  const map = (await historyOf(view))?.map;
  if (map === undefined) return { cells: new Uint8Array(), shardsPerCell: 1 };
  return { cells: unpackMap(map), shardsPerCell: map.shardsPerCell };
}

type Change = (jobId: JobId, context: Context<HttpEnv>) => Promise<readonly [JobStatus, AuditEvent]>;

/** Returns routes that act like the gRPC calls of the same names. */
function changeRoutes({ service }: PageView): readonly HttpRoute[] {
  const change = (name: string, act: Change): HttpRoute => ({
    method: "POST",
    path: `/api/jobs/:job/${name}`,
    callers: "submit",
    async handle(context) {
      const [status, event] = await act(asJobId(context.req.param("job") ?? ""), context);
      context.var.caller.audit(event);
      return Response.json(status);
    },
  });
  return [
    change("cancel", async (job, { var: { caller } }) => {
      const reason = `cancelled on the page by ${caller.identity.name}`;
      return [await service.cancelJob(job, reason, NEVER), { event: "cancelled", job, reason }];
    }),
    change("pause", async (job) => [await service.pauseJob(job, NEVER), { event: "paused", job }]),
    change("resume", async (job) => [await service.resumeJob(job, NEVER), { event: "resumed", job }]),
    change("priority", async (job, { req }) => {
      const { priority } = Object(await req.json().catch(() => null)) as { readonly priority?: unknown };
      const requested = typeof priority === "number" ? priority : Number.NaN;
      return [
        await service.setJobPriority(job, requested, NEVER),
        { event: "prioritised", job, priority: requested },
      ];
    }),
  ];
}

function listRoutes(view: PageView): readonly HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/jobs",
      callers: "read",
      handle: () => Response.json(view.jobs().map((handle) => handle.status())),
    },
    {
      method: "GET",
      path: "/api/workers",
      callers: "read",
      handle: () => Response.json(view.workers()),
    },
    {
      method: "GET",
      path: "/api/logs",
      callers: "read",
      handle: (context) => Response.json(view.logs.since(Number(context.req.query("after") ?? 0))),
    },
    {
      method: "GET",
      path: "/api/events",
      callers: "read",
      handle(context) {
        const job = context.req.query("job");
        const shown = job === undefined ? null : asJobId(job);
        return eventStream(view, shown, context.var.caller, { signal: context.req.raw.signal });
      },
    },
  ];
}
