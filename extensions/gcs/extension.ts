import type { Extension } from "../../shared/extension/extension.ts";

export const gcs: Extension = {
  name: "gcs",
  storage: {
    schemes: {
      // A token works against any host that receives it, so only Google's own hosts receive one.
      gs: {
        bucket: "BUCKET",
        settings: ["endpoint", "anonymous", "ca"],
        certificates: { variable: "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", store: "Google Cloud Storage" },
      },
    },
    says: { endpoint: "For `gs`: a private endpoint, or an emulator." },
    signature: { names: /^(x-goog-.*|googleaccessid)$/i },
    async open(scheme, stores) {
      const { openGcsClient } = await import("./conventions.ts");
      const { openObjectStores } = await import("../object-store/open-object-stores.ts");
      return openObjectStores(scheme, stores, openGcsClient);
    },
  },
};
