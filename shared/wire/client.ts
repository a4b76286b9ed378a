import type { ChannelOptions } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { addressFileOf } from "./address-file.ts";
import { dataClient } from "./client-data.ts";
import { followAddress } from "./follow-address.ts";
import { Peer } from "./peer.ts";
import { jobsClient, tellingClients, workClient } from "./service-clients.ts";
import type { CoordinatorServices } from "./services.ts";

/** The coordinator behind an address: its services, as if they were here. */
export interface CoordinatorClient extends CoordinatorServices {
  /** Resolves once connected. @throws {COORDINATOR_UNREACHABLE} after `waitMs` */
  waitReady(waitMs: number): Promise<void>;
  /** Ends the connections; calls still open reject with INTERRUPTED. */
  close(): void;
}

export interface ClientOptions {
  /** How long an ordinary call may take. */
  readonly controlMs?: number;
  /** How long a connection may take to be made before it is begun anew. */
  readonly connectMs?: number;
}

/**
 * The limit of a control call: a third of a lease, so that a lost heartbeat can be sent again in
 * time.
 */
const CONTROL_MS = 10_000;

/**
 * `keepalive`: a silent connection is found dead after 40 s at most (watch has no deadline of its own), and a
 * process whose loop is blocked for some seconds is not. `backoff`: a coordinator that comes back is found
 * within a second; the default grows to two minutes. `dns`: one that comes back elsewhere is looked up again
 * after 5 s, not 30. A pool of its own: two clients in one process would share a connection otherwise, and
 * its limit of streams. No HTTP proxy: a coordinator is a neighbour, and proxies rarely let long streams
 * through.
 */
const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 800,
  "grpc.dns_min_time_between_resolutions_ms": 5_000,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
} as const satisfies ChannelOptions;

/**
 * A job description may carry 20,000 class names and as many columns, and a list of jobs a thousand statuses:
 * some MiB. More than 16 MiB is not control, and would stop the thread that renews leases for too long.
 */
const CONTROL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 16 << 20,
};

/**
 * Chunks have 1 MiB at most. The window is what a download may have under way: 4 MiB is 200 MB/s at 20 ms of
 * round trip, where the default of 64 KiB is 3; and it is what one slow reader can make lie in memory.
 */
const DATA_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 2 << 20,
  "grpc-node.flow_control_window": 4 << 20,
};

/**
 * A client of the coordinator at `address` (`host:port`, or `@FILE` that holds it, now and later), which
 * knows its user by `credential`. Nothing is sent before the first call. Control and data have a connection
 * each, so that a heartbeat never waits behind a download.
 *
 * @throws {ARGUMENT_INVALID} when `address` is not one
 */
export function connectCoordinator(
  address: string,
  credential: Credential,
  options: ClientOptions = {},
): CoordinatorClient {
  const file = addressFileOf(address);
  if (file !== null) return followAddress(file, (found) => connectTo(found, credential, options));
  return connectTo(address, credential, options);
}

function connectTo(address: string, credential: Credential, options: ClientOptions): CoordinatorClient {
  const target = formatAddress(parseAddress(address, "connect"));
  const controlMs = options.controlMs ?? CONTROL_MS;
  const control = new Peer(target, credential, CONTROL_OPTIONS, options.connectMs);
  const data = new Peer(target, credential, DATA_OPTIONS, options.connectMs);
  return {
    work: workClient(control, controlMs),
    jobs: jobsClient(control, controlMs),
    ...tellingClients(control, controlMs),
    data: dataClient(data, controlMs),
    waitReady: (waitMs) => control.waitReady(waitMs),
    close() {
      control.close();
      data.close();
    },
  };
}
