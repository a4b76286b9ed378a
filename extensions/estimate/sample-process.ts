import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { SampleMethods } from "./sample-protocol.ts";
import { runSample } from "./sample-worker.ts";

// Entry point of a sample process, which `runSamples` starts.
serveOwner<SampleMethods>({ run: runSample });
