"""Starting, inspecting, breaking and measuring clusters.

Starts nodes and routers as processes and never imports them; `local.embedded` alone composes both in one.
"""
