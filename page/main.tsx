import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { ServedStatus } from "../shared/domain/served-status.ts";
import { api, listen, Refusal, type Who } from "./api.tsx";
import { JobView } from "./job-view.tsx";
import { JobsView } from "./jobs-view.tsx";
import { Login } from "./login.tsx";
import { LogsView } from "./logs-view.tsx";
import { WorkersView } from "./workers-view.tsx";

/** Returns the parts of an address such as `#/job/ID/shards`. A browser never sends the part after #. */
function useRoute(): readonly string[] {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const change = () => {
      setHash(location.hash);
      // Move the focus, as after loading a page, so that a screen reader announces the view.
      document.querySelector<HTMLElement>("main")?.focus();
    };
    addEventListener("hashchange", change);
    // The address may have changed between the first frame and this effect.
    setHash(location.hash);
    return () => removeEventListener("hashchange", change);
  }, []);
  return hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
}

/** Authenticates with the pass in the address, once, or else with the cookie. Null: not authenticated. */
async function enter(): Promise<Who | null> {
  const pass = /^#login=(.+)$/.exec(location.hash)?.[1];
  if (pass !== undefined) history.replaceState(null, "", "#/");
  try {
    return pass === undefined ? await api.who() : await api.login(pass);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

function App() {
  const [who, setWho] = useState<Who | null | undefined>(undefined);
  useEffect(() => {
    const tryToEnter = () => {
      enter().then(setWho, () => setTimeout(tryToEnter, 1_000));
    };
    tryToEnter();
  }, []);
  if (who === undefined)
    return (
      <p class="soft" role="status">
        Connecting to the coordinator…
      </p>
    );
  if (who === null) return <Login onEntered={setWho} />;
  return <Shell who={who} onLeft={() => setWho(null)} />;
}

function Shell({ who, onLeft }: { readonly who: Who; readonly onLeft: () => void }) {
  const route = useRoute();
  const [view = ""] = route;
  const [jobs, setJobs] = useState<readonly JobStatus[]>([]);
  const [triggers, setTriggers] = useState<readonly ServedStatus[]>([]);
  const [isLive, setLive] = useState(false);
  useEffect(
    () =>
      listen(null, {
        jobs: (changed) => setJobs((known) => merged(known, changed)),
        triggers: setTriggers,
        gone: (ids) => setJobs((known) => known.filter(({ jobId: id }) => !ids.includes(id))),
        live: setLive,
      }),
    [],
  );
  const leave = () => void api.logout().then(onLeft);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header class="top">
        <strong>Shardmill</strong>
        <nav aria-label="Views">
          <a href="#/" aria-current={view === "" || view === "job" ? "page" : undefined}>
            Jobs
          </a>
          <a href="#/workers" aria-current={view === "workers" ? "page" : undefined}>
            Workers
          </a>
          <a href="#/logs" aria-current={view === "logs" ? "page" : undefined}>
            Logs
          </a>
        </nav>
        <span class="who">
          {who.name} ({who.role}){" "}
          <button type="button" onClick={leave}>
            Log out
          </button>
        </span>
      </header>
      <div role="status" aria-live="polite">
        {isLive ? null : <p class="lost">There is no connection to the coordinator. Reconnecting…</p>}
      </div>
      <main id="main" tabIndex={-1}>
        <View
          route={route}
          jobs={jobs}
          triggers={triggers}
          mayChange={who.role === "admin" || who.role === "submit"}
        />
      </main>
    </>
  );
}

interface ViewProps {
  readonly route: readonly string[];
  readonly jobs: readonly JobStatus[];
  readonly triggers: readonly ServedStatus[];
  readonly mayChange: boolean;
}

/** Shows the view that the address names. */
function View({ route, jobs, triggers, mayChange }: ViewProps) {
  const [view, jobId = "", tab = ""] = route;
  if (view === "workers") return <WorkersView />;
  if (view === "logs") return <LogsView />;
  if (view === "" || view === undefined) return <JobsView jobs={jobs} triggers={triggers} />;
  if (view !== "job")
    return (
      <p>
        There is no view {view}. <a href="#/">All jobs</a>
      </p>
    );
  const status = jobs.find((job) => job.jobId === jobId) ?? null;
  return <JobView key={jobId} status={status} jobId={jobId} tab={tab} mayChange={mayChange} />;
}

function skip(event: Event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function merged(known: readonly JobStatus[], changed: readonly JobStatus[]): readonly JobStatus[] {
  const byId = new Map(known.map((job) => [job.jobId, job]));
  for (const job of changed) byId.set(job.jobId, job);
  return [...byId.values()];
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
