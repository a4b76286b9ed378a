import { publishToBucketContract } from "../../contract/publish-to-bucket-contract.ts";
import { startS3Bucket } from "../../support/bucket-server.ts";

publishToBucketContract("S3", startS3Bucket);
