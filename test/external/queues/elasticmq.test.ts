import { sqsContract } from "../../contract/sqs-contract.ts";
import { startElasticMq } from "../../support/queues/sqs-broker.ts";

sqsContract("ElasticMQ", startElasticMq, true);
