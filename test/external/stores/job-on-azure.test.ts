import { jobFromBucketContract } from "../../contract/job-from-bucket-contract.ts";
import { startAzureBucket } from "../../support/bucket-server.ts";

jobFromBucketContract("Azure", startAzureBucket);
