import { gunzipSync } from "node:zlib";

/**
 * A stream of two record batches with 16 and 8 rows, written by pyarrow 26, then compressed with gzip. It has
 * one column for each of many types. Each is null where `row % 5 === 4`, except for `zeros`.
 */
export const foreignStreams = {
  lz4: decode(
    [
      "H4sIAAAAAAACA81YTWxUVRQ+76czb8pAH/2BgaI8oAFixMyb0lIN2CkRUiIkVYlWJaZ9UGCS0mI7QP1ZvBgTG+OiERJZuCgJi8awaCKLqqCT",
      "sGFhIgYXLLtkZyMxsFDG77x3b/vuY6Y/sPEl55577jn33PNzf85MuVwu2waRTfzVUpoSVEMWevg0k0ygmcflshlwiW7oRGcBHYA0YFoj6gY8",
      "Au8EoAPAsp/+Wy5Dgc56M2KMvxrAxwMjw6PA1wMZ0vJoroXymbg84/OFgQvc/xYyf4Ryq1nGEXyYQXsBjYAEYLQ4cu54kehXyJqPA/kaW/Cl",
      "XphMHmAOMjsfL9gal+kHHHu8YKcN6yyskkSkbEiHcdNqGoUNLZH5HK8ThePFwvBQ/8hHhHlWwLWEzHWhl/0YQ386tMNujOjRhJ8pwMnC2MCJ",
      "w4XRIta3wE0I3++H84xKsSsUB85w/81yIEONIU7zGpsia0i/B1k9Pgty+fLSer8TegfLC3GOyop8FIZOIY6QuRTR6UTkkuzf4HB/sTUXzOIY",
      "J0QWbpcX8uPE9lJhqNi+m+1FPixosUTqwlw1zueKKZGrhB3xXfrjDQ8Phv1wz2PJ8oyIC39peBWejHSgjXQz8LOXFr5ofu1gziZgc35Or1iX",
      "dRqReXLN6Fj82yHwToFfiPC0CnNtqXvrkUxf/jOQvgzzGkCTlGtS5RrQHTk+2D86uiubJN8Nu7kFvRyXrBGNy0Y1LoYZ5MhPRK1Zg7FGEQk7",
      "MIDvjqzwx47YK/3RKsTnucjYRoGdGJ2P0X0CvytwKcafFfgNgTs0ld8r6LcFPS3ow9IQPWaPoLsFfVpX8yLpc3L92HyZSOmrI+gvBD1lqPK3",
      "Bd1Bkc0ctcdU15e0jIcf40ta+ntP0K/L/Vej6u8W9IcyvoL+WsYvoeqX9FZldyzk34jt36elm6qcByO2bxIr1E9L0NXkDfWcgfT/vPlwUf6h",
      "iZblz/dV/n50G3CIGgyLGhKAFB4MnRrqUtRQD7IJkAmHnsfQFpAtgB3BkL/ryftnqfXzKv8VdNdi/Sv+q+h1gt9ZR5M0iV4JMGtTfb6R5pIO",
      "5mUBeUCP0HE2v4J1X1P50E0P9PhNt8mku9vEpenyYTFpLsWiBwFHAEcFvF8tnm18Lw7dunpmwMG9WO8Cckkymqh2DdVu49ZwJXmQJnNCdOjW",
      "U/rhivxdlHd7wqRvkqIOSJv0Fru21qRSPXB9ZL+PqXo+QPd7rNUZpiiPmT7wJHAJeBaBoS7sVoADyGI8D9xj0sWzwD5g3EREJ9C5DJgCTANm",
      "TOorAd/uWqZ/CZUP0i//8+C3znLleJ8N3NLor9rO0PqS8MARm6Uvv5nv3rnEJIhpALtzh10CzDnUA8Osrq2k6/RwDbu2k90DdADYxW52E9C7",
      "k/rY1bGup9nnW9CdkG+WniJDJxOFSIbS6XmXnun8ajiVuhWcYz6sNanwOCcBVjhUi6FVINOA1eH5rXvy/FY9J7p4MzhBFrZDbfCoi0uZzwmX",
      "BOsAG0T1wrB5Xu9uVS9I38t6rpfzWr02r93b43V4LgZcz815bqvntnluu+fu8dwOL5f1cpDMebnWZcdJFgaC/x66F9dzne6cL4Bn2YH1qBcc",
      "an7JpoYDu8nSycpS8zHAqE3NX6KEv3KIM7U+M0nNMxi6A7hv0zbSDlBSp2QP9VBGU+J3T133Ey6FLF504IIzfNIZHcZxHxwYOlU87WTXk7HZ",
      "5SbHTSs3bdy0c7OHm45A5AeqqfuRzM3uT9zc4OYmNz9z8ws3JTS5aKP1YIFIuOL7ZlWQHI1O9cTyv9y6bcZcWd1mrbBuy1TB2Rgt66d9Ao/H",
      "+JMCt8v8xPhzAr8s9QvD2mQdpqnyvqbaMa2mf56W+uZi8y1Rx22QdZKgj0r9uip/WdAvyjouxp+N1Y2S3herCylGS/v6DFX/hKHql3WkrGMf",
      "GWrdNhGrCyUdr9ss9Vg+M52K7ds431bL7mXrpyXoavKaer5A+g+rjLcsJh97N7ZzKLOQrm9N4t5pD6/yvbjKO3GN77fIP7A8Oxx1nC/m38HD",
      "cuOAiTwmzvITOSWeyZn84vpa1HFO912lnMKToPETEK2nIp+rzn9+oW4SNVM96idUSb4bjuZoRfZsEO/iO1p4ZZXk0yX3TQX7HyCn43jdl6xh",
      "FrNDV8d1rkrKVLUu4GP6d21YQH3eFa7/lbDhUhdWmaubRPeqMOeaMOk6mwW40bXCvHP5dzKoQTADFYivRWxe6b60eV+u5X1ZH+7LxlT4i2Ed",
      "9uV6Nd/V9osh88L7hR+YulihWvn/hyauHxYrEKr5UaFef6RlZGEgHgA88902OX3adqoNi4IxwIRNG6dsPPkl7f//3ucrv/c7Kr33jP8DQ4ty",
      "IOAVAAA=",
    ].join(""),
  ),
  zstd: decode(
    [
      "H4sIAAAAAAACA70YbWxTVfS+j752rNu60kLBsRXdZAJzfR3biiysQzCToCniBwaWbG8rW2PpYCswjD+GIYYQxRpQZ2JCEYLTzFhkJIuZZmQh",
      "TuNgCZAMA6aSiGBMhICBH7Dnue/du773tm6MGC85Pe/cc+6555x77j1nyLIs2ziEbAiPWciKBGRCFviCwfCIB9Q3Jsu8wkWon0VoG4APwAqQ",
      "YBCqBbgHvCYAHwCWfeuBLIMCFut1kTk8TABvBtta2wH3KjKI8cNPjyrvMspjvDMU3IW/PwWZC6pcFpZxEz6YgaoAHAACQHu0bUdjFKGfQZYf",
      "U+RNNsKnesFkJAHcBJnisZStRpkGgM1jKTttYJ0FdjFDpGwgrcaNMTmIDYWa9TheTaHGaKg10tC2G8E6i8K1EJleohf70QHfCdUOm0OjhyF+",
      "ZgBsCXUEm9aF2qOwvwW4AvH9urqOmyx2oWhwK/5+SVZkkEPFVrxHnmYP6ncYq4dhATm/PL3eL4nesJyKs1aWnEco0gxxBJlDGp1ujZwZ+xdu",
      "bYiWeZVVOMYCOYUhOXU+bkMuhSLRimXYXjgPC2ixkKNTz8oxflaYImcl2DS+U3+k1taw+q3mPGwpD5C44GEFr9SbYVW0IZZX/Ayg1NCer01Z",
      "kw+YH19TT84Vr+OQdgiK7QKxXc/Tj4UEFxP8pIbHTNBL7zXInyp94LbtSQU7G8CZknNq5ZxfINQYbmhvL/GoSFSRV42Lj9PGZb4+LhyvnFGx",
      "SWtFNsw5SCRsytYOVn0rlhIbbQY/mCnis0DDoXa4DLTHQNcSXE3wPgM/TvB6gu8Z+DZi0FpC1xvoBKOXHyJ0Fc0NVn8ulH6F6mP16zsIPZfQ",
      "MUJvJvRNg7yFHPxSQvs4PT9gSAxK03jEDHxKU/+ShF5D84TX6/cTegOhuwgdpvaZDP4Tep4uS1J5wBny91FpZ5r7QPluzTs1E/1oGjqdPKe9",
      "Zxx4//d3dyedfz5WOJV8p3a+cweDeBYLC1AocpAd3HbB47MQnptFqIRe1QCL7O/XXBVrq95Jq9evnfczNGs7V6q54if5Egc8AJCsTq1xA/YA",
      "+AECZG6bfxq/V2vnVw8z6A5rfKHynoCfxQAizmu84XMALwC8vEl5cPgkJ0cyiKG6uAzjuEQGj20Nuj2i1+OFH0Ci8k2mI4M2nvMPMAKfV59C",
      "x78xzcTuOgbdTL2/gpkUbCt2IdfuVGqVOzNW7mn++BxKKPdbu76jiEVtfNa8eHnIWv3t19duVx3+49LW126ZNrZt+ut36QOW6z9fda2kdPfQ",
      "rT/nnTn6W0ZpB3d+/fHPbqxeYOb506y5Jcll3TmbOYW9gnZegEjK92+fq5YN8apj0VVTzvzEokHXurXDB5Zv73YU+V388p9+PX16xJH9uGlJ",
      "1dtJU37yRlHO7h+WNPe/ccKx5MTZVT3PZn306uuVzY2jeTwqCV6O+2rey+xlpoqfPs+uINRCX34W/jEmMGzkyov5AwOP+dkZ3wMGVHAQckFp",
      "CGahTCg7WXAvJrkHafKPJW0BDptlllLnyPs0G37mkIcrr2BC/i3T6lt2hEGSRxIlr1QmlUsVUqXkk0SYECXRK4llklguiRWSWCmJPsnrkbwg",
      "6ZW8ZVP4Swsjnod+IotFI7hENLh3htDcp9dsbt9/xNU3ch06aRDMRRtsuVFr1HuywOOq5aPmZ4S6437EDm3vW7xiRBz5cV22d5v6UI9q9Y6i",
      "iyw6xmKlwV3u1i3u9la4KuFgpDnagi9SWXlFpU9UhxdG2WwUnxMouBBuOWX56vv4RWvLqfs9Kw9fvHzylw6hyZ8bzwu4Anyx2SE41n94iZ94",
      "bmuUh5JBK0wbyfxD9xn8zPoMyyP2GXZDn2E39Bl2Q59RSuu4gR8jWKR9goGfJLic7sfo9dUyennah9C6H2MMdZzR6xsyrE8Sejbtexh9HxRg",
      "9fIthH6K1nkDP2HocyhN7U8a+JQe95fT97V+Tq9/o6Fv6eIMfQZv6DP4yfsMiyYH0H9AZxjqvJFP+wB2hvrRNHQ6eUZ7vxiw7m6a+cKp5fXv",
      "9D9Q+T2oDFVAX1uNVo13gwKkSaPVnsOk1ePWzrsZLNYJuvcBxMgeccDdAAmAPv80fhRq5wsXMhP+rnGSP/K0zYPm3inrRPCnS+0D1O5A/faa",
      "1I5g7/7ch9wf6lcXqf+0amQoh73iqLnTlMbefTXgO0AXQDdAAqCPwADAUM0U/rPaeTYXLoSM0vRvnaBnb42637tkz0M1qVSJw/cxYkMPsaOX",
      "2NFfM8056M/1DOw2XsOJlSyqT2Y5GDTTPLNB+bLDa+6Ecjt3Qp5Nev6cJvYZpGjnkMfDmebv3DQFOJ2dE/qNURctv7ga4P8Ngye5I9Y9wOB8",
      "jB/85MqeA59fXRrJH6kbHC763+usPq60zh5UWhhaZzH+F/RfQW8IFAAA",
    ].join(""),
  ),
} as const;

function decode(base64: string): Uint8Array {
  return new Uint8Array(gunzipSync(Buffer.from(base64, "base64")));
}
