import { useEffect, useState } from "preact/hooks";
import { formatCount } from "../shared/core/units.ts";
import type { WorkerStatus } from "../shared/domain/worker.ts";
import { secondsText, shortCount } from "../shared/plots/scale.ts";
import { api } from "./api.tsx";
import { busiest, Head } from "./job-tabs.tsx";

const LOOK_MS = 2_000;
/** Limit of workers that are shown: more lines would be unreadable. */
const MOST_SHOWN = 200;

/** All workers of the coordinator, over all jobs. */
export function WorkersView() {
  const [workers, setWorkers] = useState<readonly WorkerStatus[] | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const look = async () => {
      if (!document.hidden) await api.workers().then(setWorkers, () => {});
      if (!isOver) timer = setTimeout(look, LOOK_MS);
    };
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  if (workers === null) return <p class="soft">Loading…</p>;
  const troubled = workers.filter((worker) => troubleOf(worker) > 1).length;
  const sorted = workers.toSorted((one, other) => troubleOf(other) - troubleOf(one));
  return (
    <>
      <h1>Workers</h1>
      <p class="soft">
        {formatCount(workers.filter(({ gpuFault }) => gpuFault === null).length)} connected
        {troubled === 0 ? "" : `, ${formatCount(troubled)} get no shards`}
        {workers.length > MOST_SHOWN ? `, ${MOST_SHOWN} shown` : ""}.
      </p>
      <div class="wide" tabIndex={0} role="group" aria-label="All workers">
        <table>
          <Head
            columns={[
              ["worker"],
              ["device"],
              ["shards now", "n"],
              ["committed", "n"],
              ["failed", "n"],
              ["connected", "n"],
              ["busiest stages"],
              ["state"],
            ]}
          />
          <tbody>
            {sorted.slice(0, MOST_SHOWN).map((worker) => (
              <tr key={worker.session}>
                <td>{worker.name}</td>
                <td>{worker.device}</td>
                <td class="n">{worker.leases}</td>
                <td class="n">{shortCount(worker.shardsCommitted)}</td>
                <td class="n">{worker.attemptsFailed}</td>
                <td class="n">{secondsText(worker.secondsConnected)}</td>
                <td class="line">{busiest(worker.busy)}</td>
                <td>{stateOf(worker)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Returns the order of workers. 2: gets no shards. 1: has failed, or is on probation. 0: no trouble. */
function troubleOf({ gpuFault, refused, excludedForSeconds, attemptsFailed }: WorkerStatus): number {
  if (gpuFault !== null || refused !== null || (excludedForSeconds ?? 0) > 0) return 2;
  return excludedForSeconds !== null || attemptsFailed > 0 ? 1 : 0;
}

function stateOf({ gpuFault, refused, excludedForSeconds }: WorkerStatus): string {
  if (gpuFault !== null) return `excluded: ${gpuFault}`;
  if (refused !== null) return `refused: ${refused}`;
  if (excludedForSeconds === null) return "ok";
  return excludedForSeconds === 0 ? "on probation" : `excluded for ${secondsText(excludedForSeconds)}`;
}
