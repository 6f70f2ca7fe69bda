from .requests import Answer as Answer
from .requests import Engine as Engine
from .requests import Request as Request
from .requests import request_of as request_of
