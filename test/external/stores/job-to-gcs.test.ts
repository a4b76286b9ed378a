import { jobToBucketContract } from "../../contract/job-to-bucket-contract.ts";
import { startGcsBucket } from "../../support/bucket-server.ts";

jobToBucketContract("Google Cloud Storage", startGcsBucket);
