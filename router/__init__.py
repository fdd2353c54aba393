"""The router: the DynamoDB API over HTTP, and the gateway that receives other regions' changes."""
