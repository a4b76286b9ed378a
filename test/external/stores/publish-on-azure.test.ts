import { publishToBucketContract } from "../../contract/publish-to-bucket-contract.ts";
import { startAzureBucket } from "../../support/bucket-server.ts";

publishToBucketContract("Azure", startAzureBucket);
