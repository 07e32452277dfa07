"""Teacher and student, the student's weights, and the engines that run it."""

from models.telemetry import send_none

# Before any module of ours can import OpenVINO.
send_none()
