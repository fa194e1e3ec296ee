"""The least an ext_proc server can do on Costward's paths: the same gRPC server, types, options and messages."""

import sys

import grpc
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2 as ep
from envoy.service.ext_proc.v3.external_processor_pb2_grpc import add_ExternalProcessorServicer_to_server
from grpc_health.v1 import health, health_pb2_grpc

HEADERS = {"set_headers": [{"header": {"key": f"x-noop-{n}", "raw_value": b"12345678"}} for n in range(5)]}
MODE = {"request_body_mode": 2, "response_header_mode": 1, "response_body_mode": 1, "response_trailer_mode": 2}
REPLIES = {
    "request_headers": ep.ProcessingResponse(request_headers={}, mode_override=MODE),
    "request_body": ep.ProcessingResponse(request_body={}),
    "response_headers": ep.ProcessingResponse(response_headers={"response": {"header_mutation": HEADERS}}),
    "response_body": ep.ProcessingResponse(response_body={}),
}


class Noop:
    async def Process(self, _messages, context):  # type: ignore[no-untyped-def]
        while (message := await context.read()) is not grpc.aio.EOF:
            await context.write(REPLIES[message.WhichOneof("request")])


async def serve(socket: str, immediate: bool) -> None:
    if immediate:
        answer = {"status": {"code": 200}, "headers": HEADERS, "body": b"word " * 80}
        REPLIES["request_body"] = ep.ProcessingResponse(immediate_response=answer)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 2**25)])
    add_ExternalProcessorServicer_to_server(Noop(), server)
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    await server.wait_for_termination()


uvloop.run(serve(sys.argv[1], sys.argv[2:] == ["immediate"]))
