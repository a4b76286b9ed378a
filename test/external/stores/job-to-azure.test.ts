import { jobToBucketContract } from "../../contract/job-to-bucket-contract.ts";
import { startAzureBucket } from "../../support/bucket-server.ts";

jobToBucketContract("Azure", startAzureBucket);
