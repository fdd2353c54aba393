"""Exports, imports and bulk puts: none yet, said as AWS says it, and refused last."""

from typing import Any

import pytest

from tests.support.conformance_surface import MISSING, arn_of, assert_not_available, elsewhere
from tests.support.conformance_table import HASH, STRING_KEY, Table, invalid, refused

TOKEN = "0123456789abcdef" * 8
JSON_INPUT = {"InputFormat": "DYNAMODB_JSON"}
CREATED = {
    "AttributeDefinitions": [STRING_KEY],
    "KeySchema": [HASH],
    "BillingMode": "PAY_PER_REQUEST",
}
PAST = 1_000_000_000


# There is nothing to list, and so no page after it.
@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("list_exports", "ExportSummaries"),
        ("list_imports", "ImportSummaryList"),
        ("list_bulk_operations", "BulkOperationsSummaryList"),
    ],
)
def test_lists_are_empty(dynamodb: Any, operation: str, member: str) -> None:
    answer = getattr(dynamodb, operation)()
    assert answer[member] == []
    assert "NextToken" not in answer
    assert invalid(getattr(dynamodb, operation), NextToken=TOKEN) == (
        f"Invalid Request: Provided nextToken is invalid: {TOKEN}"
    )


# Lists may be asked for of one table, by its ARN only.
@pytest.mark.parametrize("operation", ["list_exports", "list_imports"])
def test_lists_of_a_table(things: Table, dynamodb: Any, operation: str) -> None:
    getattr(dynamodb, operation)(TableArn=arn_of(things))
    text = invalid(getattr(dynamodb, operation), TableArn=things.name)
    assert text == "One or more parameter values were invalid: tableArn is not a valid ARN"


# Each family has its own word for a thing that is not there, and one for what is no ARN of such a thing.
@pytest.mark.parametrize(
    ("operation", "member", "kind", "word"),
    [("describe_export", "ExportArn", "export", "Export"), ("describe_import", "ImportArn", "import", "Import")],
)
def test_transfers_are_not_found(
    things: Table, dynamodb: Any, operation: str, member: str, kind: str, word: str
) -> None:
    def refusal(arn: str) -> tuple[str, str]:
        return refused(getattr(dynamodb, operation), **{member: arn})

    table_arn = arn_of(things)
    arn = f"{table_arn}/{kind}/01658528578619-c4d4e311"
    assert refusal(arn) == (f"{word}NotFoundException", f"{word} not found: {word} not found: {arn}")
    assert refusal(table_arn) == ("ValidationException", f"Invalid {word} ARN")
    assert refusal(arn.replace(f"/{kind}/", "/backup/")) == ("ValidationException", f"Invalid {word} ARN")
    assert refusal(elsewhere(arn)) == ("AccessDeniedException", "Access is denied")


# Bulk operations are plain resources.
@pytest.mark.parametrize("operation", ["describe_bulk_operation", "cancel_bulk_operation"])
def test_bulk_operations_are_not_found(things: Table, dynamodb: Any, operation: str) -> None:
    arn = f"{arn_of(things)}/bulk-operation/01658528578619-c4d4e311"
    assert refused(getattr(dynamodb, operation), BulkOperationArn=arn)[0] == "ResourceNotFoundException"


# An export starts from recovery, which no table has: what is wrong with the request comes before that.
def test_exports_need_recovery(things: Table, dynamodb: Any) -> None:
    export, arn = dynamodb.export_table_to_point_in_time, arn_of(things)
    code, text = refused(export, TableArn=arn, S3Bucket="bucket")
    assert code == "PointInTimeRecoveryUnavailableException"
    assert text == f"Point in time recovery is not enabled for table '{things.name}'"
    missing = arn.replace(things.name, MISSING)
    assert refused(export, TableArn=missing, S3Bucket="bucket") == (
        "TableNotFoundException",
        f"Table not found: {missing}",
    )
    assert refused(export, TableArn=elsewhere(arn), S3Bucket="bucket")[0] == "AccessDeniedException"
    text = invalid(export, TableArn=things.name, S3Bucket="bucket")
    assert text == "One or more parameter values were invalid: tableArn is not a valid ARN"
    text = invalid(export, TableArn=f"{arn}/index/other", S3Bucket="bucket")
    assert text == "Invalid Request: Table ARN is invalid."
    assert invalid(export, TableArn="", S3Bucket="bucket") == "Invalid TableArn: Invalid Table ARN"
    assert "s3Bucket" in invalid(export, TableArn=arn, S3Bucket="-")


# The kind of an export and its period go together.
@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"IncrementalExportSpecification": {"ExportFromTime": PAST}},
            "Invalid Request: Export Type expected to be Incremental Export when incremental export specification is "
            "provided",
        ),
        (
            {"ExportType": "FULL_EXPORT", "IncrementalExportSpecification": {"ExportFromTime": PAST}},
            "Invalid Request: When Export Type is Full Export , Incremental Export Specification should not be provided",
        ),
        (
            {"ExportType": "INCREMENTAL_EXPORT"},
            "Invalid Request: Incremental Export Specification expected when export type is set as Incremental Export",
        ),
        (
            {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": {}},
            "Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification",
        ),
        ({"S3SseKmsKeyId": "key"}, "Invalid Request: KMS Key Id is not supported for this encryption type"),
        (
            {"FilterSpecification": {}},
            "Invalid Request: Invalid FilterSpecification: The specification can not be empty",
        ),
    ],
)
def test_exports_check_their_shape(things: Table, dynamodb: Any, parameters: dict[str, Any], text: str) -> None:
    export = dynamodb.export_table_to_point_in_time
    assert invalid(export, TableArn=arn_of(things), S3Bucket="bucket", **parameters) == text


# A period cannot begin before the table did, and a filter has to parse.
def test_exports_check_period_and_filter(things: Table, dynamodb: Any) -> None:
    export = {"TableArn": arn_of(things), "S3Bucket": "bucket"}
    code, text = refused(
        dynamodb.export_table_to_point_in_time,
        ExportType="INCREMENTAL_EXPORT",
        IncrementalExportSpecification={"ExportFromTime": PAST},
        **export,
    )
    assert code == "InvalidExportTimeException"
    assert text == (
        "Incremental export period from time cannot be less than the table creation time : 2001-09-09T01:46:40Z"
    )
    text = invalid(dynamodb.export_table_to_point_in_time, FilterSpecification={"FilterExpression": "a ="}, **export)
    assert text.startswith("Invalid FilterExpression: Syntax error;")


# An import makes a table: what it makes is checked as CreateTable checks it.
def test_imports_check_the_table(things: Table, dynamodb: Any) -> None:
    def imported(**parameters: Any) -> dict[str, Any]:
        asked = {"S3BucketSource": {"S3Bucket": "bucket"}, **JSON_INPUT, **parameters}
        return {"TableCreationParameters": {"TableName": MISSING, **CREATED}, **asked}

    text = invalid(dynamodb.import_table, **imported(InputFormatOptions={"Csv": {"Delimiter": ";"}}))
    assert text == "Invalid Request: Unsupported InputFormatOptions for the given input format: DYNAMODB_JSON."
    unpaid = {"TableName": MISSING, "AttributeDefinitions": [STRING_KEY], "KeySchema": [HASH]}
    text = invalid(dynamodb.import_table, **imported(TableCreationParameters=unpaid))
    assert text.endswith(
        "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
    )
    taken = {"TableName": things.name, **CREATED}
    assert refused(dynamodb.import_table, **imported(TableCreationParameters=taken)) == (
        "ResourceInUseException",
        f"Table already exists: {things.name}",
    )
    assert "inputCompressionType" in invalid(dynamodb.import_table, **imported(InputCompressionType="BZIP2"))
    assert_not_available(dynamodb.import_table, "ImportTable", **imported())


# A bulk put goes into a table that is there.
def test_bulk_puts_check_the_table(things: Table, dynamodb: Any) -> None:
    bulk = {
        "InputS3Configuration": {"S3Bucket": "bucket", **JSON_INPUT},
        "OutputS3Configuration": {"OutputType": ["ERROR"]},
    }
    code, text = refused(dynamodb.start_bulk_put_items, TableName=MISSING, **bulk)
    assert (code, text) == (
        "ResourceNotFoundException",
        f"Requested resource not found: Table: {MISSING} not found",
    )
    text = invalid(dynamodb.start_bulk_put_items, TableName=things.name, MaxWriteRequestUnits=1, **bulk)
    assert text.endswith("Member must have value greater than or equal to 1024")
    assert_not_available(dynamodb.start_bulk_put_items, "StartBulkPutItems", TableName=things.name, **bulk)
