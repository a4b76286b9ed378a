import { betweenBucketsContract } from "../../../contract/between-buckets-contract.ts";
import { startSeaweedBucket } from "../../../support/seaweed-server.ts";

betweenBucketsContract({ SeaweedFS: startSeaweedBucket });
