import { bucketContract } from "../../../contract/bucket-contract.ts";
import { startSeaweedBucket } from "../../../support/seaweed-server.ts";

/** Another implementation of S3 than versitygw. It treats a backslash as a slash. */
bucketContract("SeaweedFS", startSeaweedBucket, { mistaken: "\\", keepsFolders: true });
