"""The page, for `streamlit run app.py`; `longtake app` serves the same."""

from streamlit.starlette import App

from longtake.web.server import SCRIPT, make_middleware, make_routes, work

app = App(SCRIPT, routes=make_routes(), middleware=make_middleware(), lifespan=work)
