import { publishToBucketContract } from "../../../contract/publish-to-bucket-contract.ts";
import { startSeaweedBucket } from "../../../support/seaweed-server.ts";

publishToBucketContract("SeaweedFS", startSeaweedBucket);
