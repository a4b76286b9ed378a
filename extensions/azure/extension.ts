import type { Extension } from "../../shared/extension/extension.ts";

/** File system of a storage account, such as `container@account.dfs.core.windows.net`. */
const FILE_SYSTEM =
  /^[A-Za-z0-9$][A-Za-z0-9-]*@[a-z0-9]{3,24}\.(dfs|blob)\.core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)$/;

export const azure: Extension = {
  name: "azure",
  storage: {
    schemes: {
      az: {
        bucket: "CONTAINER",
        settings: ["endpoint", "anonymous", "ca"],
        certificates: { variable: "REQUESTS_CA_BUNDLE", store: "Azure" },
      },
      abfss: {
        bucket: "CONTAINER@ACCOUNT.dfs.core.windows.net",
        bucketForm: FILE_SYSTEM,
        isAlias: true,
        settings: ["anonymous", "ca"],
      },
    },
    says: { endpoint: "For `az`: a private endpoint, or an emulator." },
    signature: {
      names: /^(s[vtepri]|spr|sip|ss|srt|skoid|sktid|sk[tesv]|sduoid|saoid|scid|sdd|ses|rsc[cdelt])$/i,
      requires: "sig",
    },
    async open(scheme, stores) {
      const { openAzureClient } = await import("./conventions.ts");
      const { openObjectStores } = await import("../object-store/open-object-stores.ts");
      return openObjectStores(scheme, stores, openAzureClient);
    },
  },
};
