import { bucketContract } from "../../../contract/bucket-contract.ts";
import { startSeaweedBucket } from "../../../support/seaweed-server.ts";

/** By another server's reading of S3 than versitygw's. It takes a backslash for a slash. */
bucketContract("SeaweedFS", startSeaweedBucket, { mistaken: "\\", keepsFolders: true });
