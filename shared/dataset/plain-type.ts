import {
  Binary,
  DataType,
  Field,
  FixedSizeList,
  LargeList,
  List,
  Map_,
  Struct,
  Union,
  Utf8,
} from "apache-arrow";

/**
 * Returns `type` without dictionaries and views, at any depth. The values stay the same. Pieces with
 * different dictionaries then fit into one column, which every file format can hold.
 */
export function plainType(type: DataType): DataType {
  if (DataType.isDictionary(type)) return plainType(type.dictionary);
  if (DataType.isUtf8View(type)) return new Utf8();
  if (DataType.isBinaryView(type)) return new Binary();
  if (type.children === null || type.children === undefined || type.children.length === 0) return type;
  const fields = type.children.map(plainField);
  const [first] = fields;
  if (first === undefined || fields.every((field, index) => field.type === type.children?.[index]?.type))
    return type;
  if (DataType.isList(type)) return new List(first);
  if (DataType.isLargeList(type)) return new LargeList(first);
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, first);
  if (DataType.isMap(type)) return new Map_(first, type.keysSorted);
  if (DataType.isStruct(type)) return new Struct(fields);
  if (DataType.isUnion(type)) return new Union(type.mode, type.typeIds, fields);
  return type;
}

export function plainField(field: Field): Field {
  const type = plainType(field.type);
  return type === field.type ? field : new Field(field.name, type, field.nullable, field.metadata);
}
