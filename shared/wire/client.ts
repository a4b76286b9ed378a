import type { ChannelOptions } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { addressFileOf } from "./address-file.ts";
import { dataClient } from "./client-data.ts";
import { workClient } from "./client-work.ts";
import { followAddress } from "./follow-address.ts";
import { CHANNEL_OPTIONS, CONTROL_MS, CONTROL_OPTIONS, type JobsClient } from "./jobs-client.ts";
import { Peer } from "./peer.ts";
import { infoClients, jobsClient } from "./service-clients.ts";
import type { CoordinatorServices } from "./services.ts";

/** Client of a coordinator, with its services. */
export type CoordinatorClient = CoordinatorServices & JobsClient;

export interface ClientOptions {
  /** Limit of an ordinary call. */
  readonly controlMs?: number;
  /** Limit to establish a connection before the next attempt. */
  readonly connectMs?: number;
}

/**
 * Limits of data messages. Chunks have at most 1 MiB. The window bounds the data in flight: 4 MiB allows 200
 * MB/s at a round trip of 20 ms, the default of 64 KiB only 3. It also bounds the memory that one slow reader
 * can occupy.
 */
const DATA_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 2 << 20,
  "grpc-node.flow_control_window": 4 << 20,
};

/**
 * Connects to the coordinator at `address`: `host:port`, or `@FILE` with the current address. `credential`
 * identifies the user. The first call connects. Control and data have separate connections, so that
 * heartbeats never wait for downloads.
 *
 * @throws {ARGUMENT_INVALID} when `address` is invalid
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
    ...infoClients(control, controlMs),
    data: dataClient(data, controlMs),
    waitReady: (waitMs) => control.waitReady(waitMs),
    close() {
      control.close();
      data.close();
    },
  };
}
