# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation as a site of its own: make docs."""

project = "m365.licensing"
project_copyright = "m365.licensing contributors"
title = html_short_title = "m365.licensing"
extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_theme_options = {"collapse_navigation": False, "navigation_depth": 2}
display_version = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
