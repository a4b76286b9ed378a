import type { Extension } from "../../shared/extension/extension.ts";

/** S3, and other stores with its protocol. */
export const s3: Extension = {
  name: "s3",
  storage: {
    schemes: {
      s3: {
        bucket: "BUCKET",
        settings: ["endpoint", "region", "addressing", "anonymous", "requesterPays", "profile", "ca"],
        endpoints: { aws: "https://s3.amazonaws.com" },
        certificates: { variable: "AWS_CA_BUNDLE", store: "S3" },
      },
    },
    says: {
      endpoint: "`aws`: AWS itself, also when the environment names another endpoint.",
      region:
        "Default: `AWS_REGION`, or the profile's region. Buckets in other regions of AWS are found, too.",
      profile: "A profile of the shared AWS files.",
    },
    secrets: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    signature: { names: /^(x-amz-.*|awsaccesskeyid)$/i },
    async open(scheme, stores) {
      const { openS3Client } = await import("./conventions.ts");
      const { openObjectStores } = await import("../object-store/open-object-stores.ts");
      return openObjectStores(scheme, stores, openS3Client);
    },
    notices: { store: "S3", load: async () => (await import("./notices.ts")).readNotice },
  },
};
