"""Data, degradations, training, distillation, export and reports."""

from models.telemetry import send_none

# Export imports OpenVINO before it imports models.
send_none()
