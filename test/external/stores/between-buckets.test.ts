import { betweenBucketsContract } from "../../contract/between-buckets-contract.ts";
import { BUCKET_SERVERS } from "../../support/bucket-server.ts";

betweenBucketsContract(BUCKET_SERVERS);
