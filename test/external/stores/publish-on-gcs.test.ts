import { publishToBucketContract } from "../../contract/publish-to-bucket-contract.ts";
import { startGcsBucket } from "../../support/bucket-server.ts";

publishToBucketContract("Google Cloud Storage", startGcsBucket);
