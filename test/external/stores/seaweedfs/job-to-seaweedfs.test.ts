import { jobToBucketContract } from "../../../contract/job-to-bucket-contract.ts";
import { startSeaweedBucket } from "../../../support/seaweed-server.ts";

jobToBucketContract("SeaweedFS", startSeaweedBucket);
