import { sqsContract } from "../../contract/sqs-contract.ts";
import { startMoto } from "../../support/queues/sqs-broker.ts";

sqsContract("moto", startMoto, false);
