import { jobFromBucketContract } from "../../contract/job-from-bucket-contract.ts";
import { startGcsBucket } from "../../support/bucket-server.ts";

jobFromBucketContract("Google Cloud Storage", startGcsBucket);
